// Colours, where somebody sees them: only on a terminal, and never with NO_COLOR.

import type { Io } from '../io.js';

export type Colour = 'bold' | 'dim' | 'red' | 'yellow' | 'green';
const codes: Record<Colour, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  yellow: [33, 39],
  green: [32, 39],
};

/** Paints text for stderr. */
export type Paint = (colour: Colour, text: string) => string;

/** How to paint in these surroundings. https://no-color.org */
export function painter({ stderrIsTerminal, env }: Io): Paint {
  if (!stderrIsTerminal || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb') return (_, text) => text;
  return (colour, text) => `\u001b[${codes[colour][0]}m${text}\u001b[${codes[colour][1]}m`;
}
