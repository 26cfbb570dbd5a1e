// Where the product runs as an installed app, which has no browser around it, a worker says that there is no connection.
// In a browser's tab the browser says so itself, and no worker stands between the page and the network.
if (matchMedia("(display-mode: standalone)").matches) {
  navigator.serviceWorker?.register("/service-worker.js").catch((error) => {
    // A certificate that the device does not trust: all else works.
    console.warn("No page for lost connections:", error.message);
  });
}
