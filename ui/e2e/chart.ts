/** Where things are on a chart over time, found as a person finds them: by its tooltip. */
import type { Locator, Page } from "playwright-core";

/**
 * A place in the column of a moment, a little below the upper edge of the chart. The browser must be in UTC.
 * The pointer goes from the right to the left until the tooltip names that time or one before it.
 */
export async function columnAt(page: Page, chart: Locator, moment: number): Promise<[number, number]> {
  await chart.locator("svg").waitFor();
  await chart.scrollIntoViewIfNeeded();
  const box = (await chart.boundingBox())!;
  const y = box.y + 20;
  const read = async (x: number) => {
    await page.mouse.move(x, y);
    // The tooltip is drawn with the next picture.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    return /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)/.exec((await chart.textContent()) ?? "");
  };
  let inside = false;
  for (let x = box.x + box.width - 4; x > box.x; x -= 3) {
    // Right of the last column there is no tooltip; and none for a moment in a chart that is drawn anew.
    const found: RegExpExecArray | null = (await read(x)) ?? (inside ? await read(x) : null);
    inside ||= found !== null;
    if (found && Date.parse(`${found[1]}T${found[2]}Z`) <= moment) return [x, y];
  }
  throw new Error(`no column of the chart is as early as ${new Date(moment).toISOString()}`);
}
