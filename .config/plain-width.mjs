/**
 * In place of `string-width` in the bundle, where yargs counts the columns of its help: ours takes one a character. The
 * package compiles the pattern of all emoji at every start, which took a sixteenth of the time to the first batch.
 */
export default (text) => text.length;
