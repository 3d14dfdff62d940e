// What cannot wait for the program: the colour scheme, so that no page flashes in the wrong one, and the files of the page that is opened.
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

  // The build says which files an address needs; while developing nothing is said.
  const pages = JSON.parse(document.querySelector("meta[name=tawny-pages]")?.content ?? "[]");
  const path = location.pathname === "/" ? "/overview" : location.pathname;
  const [, files] = pages.find(([begin]) => path.startsWith(begin)) ?? [];
  for (const file of files ?? []) {
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.crossOrigin = "";
    link.href = `/${file}`;
    document.head.append(link);
  }
})();
