/** Show a notification of the browser. Reject where it cannot: Chrome on Android shows one only through a service worker. */
export async function showNotification(words, options) {
  const registration = await navigator.serviceWorker?.getRegistration();
  if (registration?.active) await registration.showNotification(words, options);
  else new Notification(words, options);
}
