// Words of strangers inside of ours.

// What can change the direction of the text around it: letters that are written from right to
// left, and the controls of Unicode's bidirectional algorithm.
const turns = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]|[\ud802\ud803\ud83a\ud83b][\udc00-\udfff]/;
const controls = /[\u202a-\u202e\u2066-\u2069]/g;

/**
 * Such as a user id, for a place that takes no element: its direction ends with it. Without that
 * "\u202e" in a user id would reverse the words behind it. Elsewhere <bdi> does the same.
 */
export function isolated(text: string): string {
  return turns.test(text) ? `\u2068${text.replace(controls, '')}\u2069` : text;
}
