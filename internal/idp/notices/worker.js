// Shows the hub's message, and opens the hub when it is touched. It holds no page
// and fetches nothing.
"use strict";

self.addEventListener("push", (event) => {
  const said = event.data?.json() ?? {};
  event.waitUntil(
    self.registration.showNotification(said.title ?? "MyData", {
      body: said.body,
      icon: "/assets/icon.svg",
      tag: "consent",
      data: { url: said.url },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data?.url ?? "/me/history", self.location.origin);
  if (url.origin === self.location.origin) event.waitUntil(self.clients.openWindow(url.href));
});
