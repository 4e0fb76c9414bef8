// Runs in the head, before anything is shown: the theme that was chosen here last.
(function () {
  "use strict";
  try {
    const chosen = localStorage.getItem("lrlab-theme");
    if (chosen === "light" || chosen === "dark") {
      document.documentElement.dataset.theme = chosen;
    }
  } catch (error) {
    // A sandboxed frame has no storage: the system's theme it is.
  }
})();
