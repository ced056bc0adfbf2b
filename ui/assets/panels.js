/* Parts of the page that are fetched: panels that fill themselves, boxes that open over the
   page, and ratings that are sent.

   Knows nothing of what is in them: it works on the data attributes that ui/render*.py write.
     data-fill=URL    a panel, fetched whenever its part of the page is shown
     data-post=URL    a form, sent as JSON; the reply takes the place of its panel
     data-get=URL     a button that fetches its panel anew
     data-poll=MS     within a panel: fetch it again after so long
     data-dialog=ID   a button that opens a box and fetches data-source into it
     data-rate=ID     a button that rates an answer, or its source data-citation */
"use strict";

(() => {
  const UNREACHABLE = '<p class="trouble" role="alert">Footnote cannot be reached. See whether ' +
    "it still runs, then reload this page.</p>";
  const LISTENING = 3000; /* milliseconds */
  const byId = (id) => document.getElementById(id);
  let openedCard = null;
  let rated = null;

  async function fetched(url, data) {
    const options = data === undefined ? {} : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(data),
    };
    try {
      const reply = await fetch(url, options);
      return reply.ok ? await reply.text() : UNREACHABLE;
    } catch {
      return UNREACHABLE;
    }
  }

  /* Panels */

  function fill(panel, html) {
    panel.innerHTML = html;
    for (const part of panel.querySelectorAll("template[data-into]")) {
      const place = document.querySelector(`#${part.dataset.into} .${part.dataset.into}`);
      if (place) place.replaceWith(part.content);
      part.remove();
    }
    const asks = panel.querySelector("[data-poll]");
    clearTimeout(panel.polling);
    if (asks) panel.polling = setTimeout(() => refresh(panel), Number(asks.dataset.poll));
  }

  async function refresh(panel) {
    if (document.documentElement.dataset.view === panel.id) {
      fill(panel, await fetched(panel.dataset.fill));
    }
  }

  function onView() {
    const panel = byId(document.documentElement.dataset.view);
    if (panel && panel.dataset.fill) refresh(panel);
  }

  async function onSubmit(event) {
    const form = event.target;
    if (form.closest("#feedback")) return sendReason(form);
    if (!form.dataset.post) return;
    event.preventDefault();
    const data = {};
    for (const [name, value] of new FormData(form)) {
      data[name] = name in data ? [data[name], value].flat() : value;
    }
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    const panel = form.closest("[data-fill]");
    fill(panel, await fetched(form.dataset.post, data));
  }

  /* Boxes over the page */

  async function open(dialog, source, card) {
    const body = dialog.querySelector(".body");
    if (!dialog.open) {
      body.textContent = "";
      dialog.showModal();
    }
    openedCard = card;
    tellStep(dialog);
    body.innerHTML = await fetched(source);
    body.scrollTop = 0;
    const target = body.querySelector("h2");
    if (target) target.focus({ preventScroll: true });
    const words = body.querySelector(".text");
    const quote = words && words.querySelector("mark.quote");
    /* On a phone the picture of the page comes first, and has the quote on it. */
    const isFirst = !body.querySelector(".pages") || words.scrollHeight > words.clientHeight;
    if (quote && isFirst) quote.scrollIntoView({ block: "center" });
  }

  const cardsBeside = (card) => [...card.parentElement.querySelectorAll(".card.cited")];

  function tellStep(dialog) {
    const steps = dialog.querySelector(".steps");
    if (!steps) return;
    const cards = openedCard ? cardsBeside(openedCard) : [];
    const at = cards.indexOf(openedCard);
    steps.hidden = cards.length < 2;
    steps.querySelector(".at").textContent = `${at + 1} of ${cards.length}`;
    for (const button of steps.querySelectorAll("[data-step]")) {
      button.disabled = !cards[at + Number(button.dataset.step)];
    }
  }

  function step(button) {
    const dialog = button.closest("dialog");
    const from = dialog ? openedCard : button.closest(".card");
    const card = cardsBeside(from)[cardsBeside(from).indexOf(from) + Number(button.dataset.step)];
    if (!card) return;
    if (dialog) open(dialog, card.querySelector("[data-dialog]").dataset.source, card);
    else document.querySelector(`#chat a.chip[data-card="${CSS.escape(card.id)}"]`)?.click();
  }

  function turnPage(button) {
    const box = button.closest(".pages");
    const { dataset } = box.querySelector("img");
    const page = Number(dataset.at) + Number(button.dataset.page);
    if (page < 1 || page > Number(dataset.of)) return;
    dataset.at = page;
    const image = box.querySelector("img");
    image.src = `${dataset.document}/pages/${page}.png?start=${dataset.start}&end=${dataset.end}`;
    image.alt = `Page ${page}`;
    box.querySelector(".at").textContent = `Page ${page} of ${dataset.of}`;
    box.scrollTop = 0;
  }

  async function showMore(button) {
    const scroller = button.closest(".text");
    const below = scroller.scrollHeight - scroller.scrollTop;
    const isBefore = button.dataset.more.includes("before=");
    button.disabled = true;
    const html = await fetched(button.dataset.more);
    button.insertAdjacentHTML("afterend", html);
    button.remove();
    if (isBefore) scroller.scrollTop = scroller.scrollHeight - below;
  }

  /* Ratings */

  async function rate(button) {
    const { rate: id, helpful, citation } = button.dataset;
    rated = { id, helpful: helpful === "1", citation: citation ? Number(citation) : null };
    for (const other of button.parentElement.querySelectorAll("[data-rate]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    const { helpful: isHelpful, citation: number } = rated;
    const reply = await fetched(`/page/exchanges/${id}/feedback`,
      { helpful: isHelpful, citation: number });
    if (reply) {
      button.setAttribute("aria-pressed", "false");
      button.title = "This could not be kept.";
      return;
    }
    const dialog = byId("feedback");
    dialog.querySelector("input").value = "";
    if (!dialog.open) dialog.show();
    dialog.querySelector("button").focus();
  }

  function sendReason(form) {
    const reason = form.querySelector("input").value.trim();
    if (!rated || !reason) return;
    const { id, ...rest } = rated;
    fetched(`/page/exchanges/${id}/feedback`, { ...rest, reason });
  }

  function giveReason(button) {
    const form = button.closest("form");
    form.querySelector("input").value = button.textContent;
    form.requestSubmit();
  }

  function onClick(event) {
    const { target } = event;
    if (target.matches("dialog")) return target.close();
    const button = target.closest("button, a");
    if (!button) return;
    const { dataset } = button;
    if ("close" in dataset) button.closest("dialog").close();
    else if (dataset.dialog) open(byId(dataset.dialog), dataset.source, button.closest(".card"));
    else if (dataset.step) step(button);
    else if (dataset.page) turnPage(button);
    else if (dataset.more) showMore(button);
    else if (dataset.rate) rate(button);
    else if (dataset.get) show(button);
    else if ("reason" in dataset) giveReason(button);
  }

  async function show(button) {
    const panel = button.closest("[data-fill]");
    fill(panel, await fetched(button.dataset.get));
    panel.querySelector("iframe")?.scrollIntoView({ block: "start" });
  }

  /* Uploads: the framework turns a whole lot down for one file that is too large. */

  function onFiles(event) {
    const box = event.target.closest("#upload");
    if (!box) return;
    const input = box.querySelector("input[type=file]");
    const files = [...((event.dataTransfer || input).files || [])];
    const most = Number(document.querySelector("#library-head [data-most]").dataset.most);
    const large = files.filter((file) => file.size > most);
    if (!input || !large.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const rest = new DataTransfer();
    for (const file of files) if (!large.includes(file)) rest.items.add(file);
    input.files = rest.files;
    fetched("/page/refused", large.map((file) => file.name)).then(() => {
      if (rest.files.length) input.dispatchEvent(new Event("change", { bubbles: true }));
      else document.querySelector("#shelf [data-action=show]").click();
    });
  }

  /* The framework says nothing when its server is gone: what is asked then would just stay. */
  let lost = null;

  async function listen() {
    if (document.hidden) return;
    let isThere = false;
    try {
      isThere = (await fetch("/page/alive", { cache: "no-store" })).ok;
    } catch {
      /* told below */
    }
    if (!isThere && !lost) {
      lost = document.createElement("div");
      lost.id = "lost";
      lost.setAttribute("role", "alert");
      lost.textContent = "Footnote cannot be reached. See whether it still runs; this page goes " +
        "on when it is back.";
      document.body.append(lost);
    } else if (isThere && lost && !lost.querySelector("a")) {
      lost.textContent = "Footnote is back. Your conversations are kept. ";
      const link = document.createElement("a");
      link.href = location.href;
      link.textContent = "Reload this page";
      link.addEventListener("click", () => setTimeout(() => location.reload()));
      lost.append(link);
    }
  }

  setInterval(listen, LISTENING);
  document.addEventListener("change", onFiles, true);
  document.addEventListener("drop", onFiles, true);
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit);
  window.addEventListener("footnote-view", onView);
  onView();
})();
