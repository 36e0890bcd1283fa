"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  // The page may stand below a prefix that the service does not know, with or without a slash at its end.
  const base = location.origin + location.pathname.replace(/\/?$/, "/");
  const [form, text, button, output, note] = ["form", "text", "answer", "output", "note"].map(at);
  at("docs").href = base + "docs.json";

  const curl = () => {
    const body = JSON.stringify({ text: text.value }).replaceAll("'", "'\\''");
    at("curl").textContent = `curl ${base}predict -H 'content-type: application/json' -d '${body}'`;
  };
  const cleared = () => { output.textContent = ""; note.textContent = ""; };

  const answer = async () => {
    cleared();
    button.disabled = true;
    button.textContent = "Answering …";
    try {
      const body = JSON.stringify({ text: text.value });
      const response = await fetch(base + "predict", { method: "POST", headers: { "content-type": "application/json" }, body });
      const tree = await response.json();
      if (response.ok) {
        output.textContent = tree.output === "" ? "(an empty answer)" : tree.output;
        note.textContent = tree.truncated ? "The input was cut: it is longer than what the model reads." : "";
      } else {
        note.textContent = tree.error || `The service answered with status ${response.status}.`;
      }
    } catch {
      note.textContent = "The service did not answer: see whether it still runs, and try again.";
    } finally {
      button.disabled = false;
      button.textContent = "Answer";
    }
  };

  form.addEventListener("submit", (event) => { event.preventDefault(); answer(); });
  text.addEventListener("input", curl);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
  });
  for (const example of document.querySelectorAll(".example")) {
    example.addEventListener("click", () => { text.value = example.dataset.input; cleared(); curl(); text.focus(); });
  }
  curl();
})();
