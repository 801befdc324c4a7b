/**
 * The history of the ratios as a picture: one line a figure, one column a recorded run; runs on a busy machine are hollow.
 *
 * The one rule: plain SVG text, nothing to install. Only ratios are drawn: absolute figures of different machines do not belong on one axis.
 */

export interface Recorded {
  readonly date: string;
  readonly isBusy: boolean;
  readonly figures: readonly { readonly goal: number; readonly what: string; readonly value?: number }[];
}

const WIDTH = 900;
const ROW = 70;
const LEFT = 380;

/** Text that stands in XML as it is. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

export function plot(history: readonly Recorded[]): string {
  const names = [
    ...new Set(history.flatMap(({ figures }) => figures.filter(({ what }) => what.includes('against')).map(({ what }) => what))),
  ];
  const rows = names.map((name, row) => line(history, name, row));
  const height = ROW * names.length + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n${rows.join('\n')}\n</svg>\n`;
}

function line(history: readonly Recorded[], name: string, row: number): string {
  const points = history.flatMap((run, column) => {
    const value = run.figures.find(({ what }) => what === name)?.value;
    return value === undefined ? [] : [{ value, column, run }];
  });
  const most = Math.max(...points.map(({ value }) => value), 1);
  const step = (WIDTH - LEFT - 60) / Math.max(1, history.length - 1);
  const bottom = row * ROW + ROW - 10;
  const at = ({ value, column }: { value: number; column: number }): string =>
    `${LEFT + column * step},${(bottom - (value / most) * (ROW - 25)).toFixed(1)}`;
  const dots = points.map((point) => {
    const [x, y] = at(point).split(',');
    const title = `${point.run.date}: ${point.value}${point.run.isBusy ? ', busy machine' : ''}`;
    return `<circle cx="${x}" cy="${y}" r="4" stroke="black" fill="${point.run.isBusy ? 'white' : 'black'}"><title>${escaped(title)}</title></circle>`;
  });
  const last = points.at(-1)?.value ?? '';
  return `<text x="10" y="${bottom - 15}">${escaped(name)}</text><line x1="${LEFT}" x2="${WIDTH - 50}" y1="${bottom}" y2="${bottom}" stroke="#ccc"/><polyline fill="none" stroke="#888" points="${points.map(at).join(' ')}"/>${dots.join('')}<text x="${WIDTH - 45}" y="${bottom - 15}">${last}</text>`;
}
