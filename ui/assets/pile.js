/* Puts what comes behind what is there already; runs once in each part that grows.
   A value is {first, html}: the elements of `html` take the place of all from index `first` on.
   `watch` and `props` are given by the framework. */
watch("value", () => {
  const { first, html } = props.value || { first: 0, html: "" };
  const pile = element.querySelector(".pile");
  while (pile.children.length > first) pile.lastElementChild.remove();
  pile.insertAdjacentHTML("beforeend", html);
});
