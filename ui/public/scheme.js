// Sets the colour scheme before the first paint, so that no page flashes in the wrong one.
(() => {
  let saved = null;
  try {
    saved = localStorage.getItem("tawny.scheme");
  } catch {
    // Storage may be forbidden; then the system's choice holds.
  }
  const system = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  const scheme = saved === "light" || saved === "dark" ? saved : system;
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
  document.documentElement.style.background = scheme === "light" ? "#fcfaf6" : "#0e1115";
})();
