// Subscribes this browser when messages in the browser are chosen, and hands the
// subscription in with the form. See the package notices.
(() => {
  "use strict";

  const form = document.querySelector("form[data-notices]");
  const choice = form?.querySelector("[data-notices-push]");
  if (!choice || !form.dataset.key || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
  choice.hidden = false;

  const status = form.querySelector("[data-notices-status]");
  const field = form.elements.namedItem("subscription");

  const subscribe = async () => {
    if ((await Notification.requestPermission()) !== "granted") throw new Error("denied");
    await navigator.serviceWorker.register("/me/notices/worker.js", { scope: "/me/notices/" });
    const registration = await navigator.serviceWorker.getRegistration("/me/notices/");
    const raw = atob(form.dataset.key.replace(/-/g, "+").replace(/_/g, "/"));
    const applicationServerKey = Uint8Array.from(raw, (c) => c.charCodeAt(0));
    return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  };

  form.addEventListener("submit", async (event) => {
    if (new FormData(form).get("channel") !== "push" || field.value) return;
    event.preventDefault();
    try {
      field.value = JSON.stringify(await subscribe());
      form.submit();
    } catch (error) {
      status.textContent = error.message === "denied" ? status.dataset.denied : status.dataset.failed;
    }
  });
})();
