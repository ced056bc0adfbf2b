/* Which answer's sources are shown, and where the page is scrolled to.

   Knows nothing of what is asked or answered: it works on the ids and data attributes that
   ui/render.py writes. A choice is kept as a style rule of its own, because the page's
   framework rewrites attributes of the elements it renders. */
"use strict";

(() => {
  const NEAR_THE_END = 120; /* pixels */
  const DRAFT = "footnote-draft";
  const choice = document.createElement("style");
  let latest = null;

  const byId = (id) => document.getElementById(id);
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const gently = () => (calm() ? "auto" : "smooth");

  function show(turn, card) {
    const block = `#sources .of-turn[data-turn="${CSS.escape(turn)}"]`;
    const rules = [
      `#sources .of-turn { display: none !important }`,
      `${block} { display: block !important }`,
    ];
    if (card) {
      rules.push(
        `#${CSS.escape(card)} { border-color: var(--accent) !important; ` +
          `box-shadow: 0 0 0 1px var(--accent) !important }`,
        `#chat a.chip[data-card="${CSS.escape(card)}"] ` +
          `{ background: var(--accent) !important; color: var(--on-accent) !important }`,
      );
    }
    choice.textContent = rules.join("\n");
    const target = card ? byId(card) : document.querySelector(`${block} h2`);
    if (target) {
      target.focus({ preventScroll: true });
      /* A card may be higher than the window: what matters in it is the quote. */
      const place = (card && target.querySelector("mark.quote")) || target;
      place.scrollIntoView({ behavior: gently(), block: card ? "center" : "start" });
    }
  }

  function onClick(event) {
    /* Wherever they are clicked, the conversation is what comes next. */
    if (event.target.closest("#talks .open, #new")) location.hash = "chat";
    const link = event.target.closest("a.chip, a.show, a.back");
    if (!link) return;
    event.preventDefault();
    if (link.matches(".back")) goBack(link.dataset.exchange, link.closest(".card").id);
    else show(link.dataset.turn, link.dataset.card);
  }

  function goBack(exchange, card) {
    const chip = document.querySelector(`#chat a.chip[data-card="${CSS.escape(card)}"]`);
    const target = chip || byId(exchange);
    if (!target) return;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ behavior: gently(), block: "center" });
  }

  /* A new question brings its own sources to the front. */
  function onSources() {
    const block = document.querySelector("#sources .of-turn.latest");
    const turn = block ? block.dataset.turn : null;
    if (turn === latest) return;
    latest = turn;
    choice.textContent = "";
    byId("sources").scrollTop = 0;
  }

  /* On a wide screen the conversation scrolls in its own column; on a narrow one the page does,
     and is left where the reader has put it once the answer has begun. */
  function followConversation(chat) {
    let atEnd = true;
    let turns = 0;
    chat.addEventListener("scroll", () => {
      atEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < NEAR_THE_END;
    });
    new MutationObserver(() => {
      const exchanges = chat.querySelectorAll(".exchange");
      if (exchanges.length !== turns) {
        turns = exchanges.length;
        atEnd = true;
        if (turns && getComputedStyle(chat).overflowY === "visible") {
          exchanges[turns - 1].scrollIntoView({ behavior: gently(), block: "start" });
        }
      }
      if (atEnd) chat.scrollTop = chat.scrollHeight;
    }).observe(chat, { childList: true, subtree: true, characterData: true });
  }

  /* Which part of the page is shown stands in its address, so that a reload keeps it. */
  function onView() {
    const links = [...document.querySelectorAll(".views a[data-view]")];
    const wanted = location.hash.slice(1);
    const known = links.some((link) => link.dataset.view === wanted && link.offsetParent);
    const view = known ? wanted : "chat";
    document.documentElement.dataset.view = view;
    for (const link of links) {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    window.dispatchEvent(new Event("footnote-view"));
  }

  /* The framework reloads the page when its server is back: what stands in the box is kept, in
     this tab alone. */
  function keepDraft(question) {
    const draft = sessionStorage.getItem(DRAFT);
    sessionStorage.removeItem(DRAFT);
    if (draft) {
      question.value = draft;
      question.dispatchEvent(new Event("input", { bubbles: true }));
    }
    window.addEventListener("pagehide", () => sessionStorage.setItem(DRAFT, question.value));
  }

  function start() {
    const chat = byId("chat");
    const sources = byId("sources");
    const now = byId("now");
    const question = document.querySelector("#question textarea");
    if (!chat || !sources || !now || !question || !document.querySelector(".views a")) return false;
    document.head.append(choice);
    document.addEventListener("click", onClick);
    new MutationObserver(onSources).observe(sources, { childList: true, subtree: true,
      attributes: true, attributeFilter: ["data-turn"] });
    window.addEventListener("hashchange", onView);
    onView();
    followConversation(chat);
    onSources();
    keepDraft(question);
    /* What is finished is read out; articles under way say that they are busy. */
    now.setAttribute("aria-live", "polite");
    chat.setAttribute("role", "region");
    chat.setAttribute("aria-label", "Conversation");
    /* Not on a touch screen, where focus would open the keyboard over the examples. */
    if (matchMedia("(hover: hover)").matches) question.focus();
    return true;
  }

  if (!start()) {
    const waiting = new MutationObserver(() => start() && waiting.disconnect());
    waiting.observe(document.documentElement, { childList: true, subtree: true });
  }
})();
