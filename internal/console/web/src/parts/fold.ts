// Text as people look for it: without regard to case, accents and width.

/** A text to look in: folded is what is compared, from gives each of its characters the place in the text. */
export interface Folded {
  folded: string;
  from: number[];
}

export function fold(text: string): Folded {
  let folded = '';
  const from: number[] = [];
  let at = 0;
  for (const character of text) {
    const plain = character.normalize('NFKD').replace(/\p{Mn}/gu, '').toLowerCase();
    for (let i = 0; i < plain.length; i++) from.push(at);
    folded += plain;
    at += character.length;
  }
  from.push(at);
  return { folded, from };
}

/** Where in a text a folded word is: the start and end of each hit. */
export function hits(text: string, word: string): [number, number][] {
  const { folded, from } = fold(text);
  const found: [number, number][] = [];
  for (let at = folded.indexOf(word); word && at >= 0; at = folded.indexOf(word, at + word.length)) {
    let end = at + word.length;
    while (end < from.length - 1 && from[end] === from[end - 1]) end++;
    found.push([from[at], from[end]]);
  }
  return found;
}
