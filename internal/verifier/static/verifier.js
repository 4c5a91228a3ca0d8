// Follows the result: asks now and then, and loads the page anew when something
// happened. Without this script the button on the page does the same.
"use strict";
(() => {
  const place = document.querySelector("[data-follow]");
  if (!place) return;
  place.textContent = place.dataset.text;
  const ask = async () => {
    try {
      const answer = await fetch(place.dataset.follow, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (!answer.ok) return location.reload();
      const result = await answer.json();
      if (result.status !== "pending" || String(result.checks.length) + (result.waiting_for || "") !== place.dataset.seen) return location.reload();
    } catch {
      // No connection just now: the next turn asks again.
    }
    setTimeout(ask, 1500);
  };
  setTimeout(ask, 1500);
})();
