/* Runs once in each panel whose parts come and go: clicks on [data-action] become the event
   "act" of the panel, with the element's data. `element` and `trigger` are given by the framework.
   What needs no server is done here: [data-local], and a second click where data-sure asks. */
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action], [data-local]");
  if (!button || !element.contains(button)) return;
  if (button.dataset.local === "copy") return copy(button);
  if (button.dataset.local === "rename") return startRename(button);
  if (button.dataset.sure && button.textContent !== button.dataset.sure) {
    button.textContent = button.dataset.sure;
    return;
  }
  trigger("act", { ...button.dataset });
});

element.addEventListener("submit", (event) => {
  event.preventDefault();
  const { action, id } = event.target.dataset;
  const fields = Object.fromEntries(new FormData(event.target));
  trigger("act", { action: action || "rename", id, ...fields });
});

element.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const form = event.target.closest("form.rename");
  if (form) form.hidden = true;
  const menu = event.target.closest("details.more");
  if (menu) menu.open = false;
});

function startRename(button) {
  const row = button.closest("[data-id].talk");
  const form = row.querySelector("form.rename");
  row.querySelector("details.more").open = false;
  form.hidden = false;
  const input = form.querySelector("input");
  input.focus();
  input.select();
}

async function copy(button) {
  /* Remembered on the button: a second click comes while it says how the first one went. */
  button.dataset.label ??= button.textContent;
  clearTimeout(button.resetting);
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copying is not allowed here";
  }
  button.resetting = setTimeout(() => { button.textContent = button.dataset.label; }, 1600);
}
