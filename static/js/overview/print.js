// The overview on paper: its style sheet leaves out what is of no use there.
document.getElementById("print")?.addEventListener("click", () => window.print());
