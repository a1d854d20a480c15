// Asks for the page again every few seconds, if the reader wants that, and shows what is new in it.
"use strict";
const SECONDS = 5;
const label = document.createElement("label");
const box = document.createElement("input");
box.type = "checkbox";
label.append(box, ` verify again every ${SECONDS} s`);
document.getElementById("live").append(label);

setInterval(async () => {
  const reading = document.querySelector(":popover-open");
  if (!box.checked || document.hidden || reading) return;
  try {
    const answer = await fetch("/", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["score", "matrix", "cost", "journey"]) {
      const [now, next] = [document.getElementById(id), fresh.getElementById(id)];
      if (now && next) now.replaceChildren(...next.childNodes);
    }
  } catch {
    document.getElementById("score").textContent = "The demonstration does not answer any more.";
  }
}, SECONDS * 1000);
