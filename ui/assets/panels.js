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
  const REFUSED = '<p class="trouble" role="alert">Footnote could not do this. See that all ' +
    "fields are filled in sensibly; the program's log may say more.</p>";
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
      return reply.ok ? await reply.text() : REFUSED;
    } catch {
      return UNREACHABLE;
    }
  }

  /* Panels */

  function fill(panel, html) {
    clearTimeout(panel.polling);
    /* While something runs, only its line changes: what else is open or ticked stays. */
    const line = panel.querySelector("[data-poll]");
    const parsed = document.createElement("template");
    parsed.innerHTML = html;
    const next = parsed.content.querySelector("[data-poll]");
    if (line && next) line.querySelector(".how").replaceWith(next.querySelector(".how"));
    else panel.replaceChildren(parsed.content);
    for (const part of panel.querySelectorAll("template[data-into]")) {
      const place = document.querySelector(`#${part.dataset.into} .${part.dataset.into}`);
      if (place) place.replaceWith(part.content);
      part.remove();
    }
    const asks = panel.querySelector("[data-poll]");
    if (asks) panel.polling = setTimeout(() => refresh(panel), Number(asks.dataset.poll));
  }

  async function refresh(panel) {
    if (document.documentElement.dataset.view !== panel.id) return;
    const html = await fetched(panel.dataset.fill);
    /* What somebody has begun to fill in meanwhile stays. */
    const isTyping = panel.contains(document.activeElement) && document.activeElement.matches("input");
    if (!isTyping || panel.querySelector("[data-poll]")) fill(panel, html);
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
    dialog.wanted = source;
    const html = await fetched(source);
    if (dialog.wanted !== source) return;
    body.innerHTML = html;
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
    const given = { id, helpful: helpful === "1", citation: citation ? Number(citation) : null };
    for (const other of button.parentElement.querySelectorAll("[data-rate]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    const reply = await fetched(`/page/exchanges/${id}/feedback`,
      { helpful: given.helpful, citation: given.citation });
    if (reply) {
      button.setAttribute("aria-pressed", "false");
      button.title = "This could not be kept.";
      return;
    }
    rated = given;
    const dialog = byId("feedback");
    dialog.querySelector("input").value = "";
    dialog.querySelector(".reasons").hidden = given.helpful;
    if (!dialog.open) dialog.show();
    dialog.querySelector("input").focus();
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

  function isBeside(dialog, { clientX, clientY }) {
    const box = dialog.getBoundingClientRect();
    return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
  }

  function onKey(event) {
    if (event.key === "Escape") event.target.closest("dialog:not(:modal)")?.close();
  }

  function onClick(event) {
    const { target } = event;
    if (target.matches("dialog:modal") && isBeside(target, event)) return target.close();
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

  /* The framework says nothing when its server is gone: what is asked then would just stay.
     The reply is a name that the server has for as long as it runs, and the badge, which another
     tab may have changed. */
  let server = null;
  let lost = null;
  let isAsking = false;

  async function listen() {
    if (document.hidden || isAsking) return;
    isAsking = true;
    const options = { cache: "no-store", signal: AbortSignal.timeout(2 * LISTENING) };
    const reply = await fetch("/page/alive", options).then((r) => r.json()).catch(() => null);
    isAsking = false;
    if (!reply) {
      tell("Footnote cannot be reached. See whether it still runs; this page goes on when it is " +
        "back.");
    } else if (lost || (server && server !== reply.server)) {
      tell("Footnote is back. Your conversations are kept. ", "Reload this page");
    } else {
      server = reply.server;
      const badge = document.querySelector("#badge .badge");
      if (badge && badge.dataset.told !== reply.badge) {
        badge.insertAdjacentHTML("afterend", reply.badge);
        badge.nextElementSibling.dataset.told = reply.badge;
        badge.remove();
      }
    }
  }

  function tell(words, way) {
    if (lost && lost.dataset.words === words) return;
    lost = lost || document.createElement("div");
    lost.id = "lost";
    lost.dataset.words = words;
    lost.setAttribute("role", "alert");
    lost.textContent = words;
    if (way) {
      const link = document.createElement("button");
      link.type = "button";
      link.textContent = way;
      link.addEventListener("click", () => location.reload());
      lost.append(link);
    }
    document.body.append(lost);
  }

  listen();
  setInterval(listen, LISTENING);
  document.addEventListener("change", onFiles, true);
  document.addEventListener("drop", onFiles, true);
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit);
  window.addEventListener("footnote-view", onView);
  onView();
})();
