/** Return a function that does `act`, and again when it is called meanwhile: what is on its way may be older. */
export function again(act) {
  let runs = false;
  let isAsked = false;
  return async () => {
    isAsked = true;
    if (runs) return;
    runs = true;
    try {
      while (isAsked) {
        isAsked = false;
        await act();
      }
    } finally {
      runs = false;
    }
  };
}
