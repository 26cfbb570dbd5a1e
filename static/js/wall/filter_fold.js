// On a phone the filter's fields are folded up behind one button, so that the first screen shows takes.
export function watchFilterFold() {
  const button = document.getElementById("filter-fold");
  button?.addEventListener("click", () => {
    const isOpen = button.form.classList.toggle("is-open");
    button.setAttribute("aria-expanded", String(isOpen));
  });
}
