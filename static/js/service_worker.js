// Answers a page that cannot be reached with a page of words. Nothing else passes through it or is kept by it.
// A press on a notification brings the app to the front.
const KEPT = "offline-1"; // the server puts a digest of the page here
const PAGE = "/offline/";
const SHEET = "/static/css/offline.css";

self.addEventListener("install", (event) => {
  const fresh = [PAGE, SHEET].map((url) => new Request(url, { cache: "reload" }));
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const forget = (names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(forget));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const isSheet = request.url === new URL(SHEET, location.origin).href;
  if (request.mode !== "navigate" && !isSheet) return;
  event.respondWith(fetch(request).catch((error) => caches.match(isSheet ? SHEET : PAGE).then((kept) => kept ?? Promise.reject(error))));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const front = ([open]) => (open ? open.focus() : self.clients.openWindow("/operations/"));
  event.waitUntil(self.clients.matchAll({ type: "window" }).then(front));
});
