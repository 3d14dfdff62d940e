/** The server under test, asked as any client would. Apart from the browser, because what is sent before all tests has none. */
export const URL_UNDER_TEST = (() => {
  const url = process.env.TAWNY_URL;
  if (!url) throw new Error("set TAWNY_URL to the address of a running server, for example http://127.0.0.1:8296");
  return url.replace(/\/$/, "");
})();

/** JSON of an API answer. */
export async function ask<T>(path: string): Promise<T> {
  const response = await fetch(URL_UNDER_TEST + path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Waits until `question` answers as `good` wants. */
export async function until<T>(
  question: () => Promise<T>,
  good: (answer: T) => boolean,
  what: string,
  ms = 90_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await question();
    if (good(answer)) return answer;
    if (Date.now() > end)
      throw new Error(`${what} did not happen within ${ms} ms; last answer: ${JSON.stringify(answer)?.slice(0, 500)}`);
    await new Promise((done) => setTimeout(done, 150));
  }
}
