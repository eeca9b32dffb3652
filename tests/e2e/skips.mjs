// A missing program is a visible skip; where NO_SKIPS is set (continuous integration), it is a failure.

/** The reason to skip tests, or false if the requirement is there. `hint`: what to install. */
export function missing(there, what, hint = "see README.md, “Browsers”") {
  if (there) return false;
  const sentence = `${what} is not on this machine: its tests did not run (${hint})`;
  if (process.env.NO_SKIPS) throw new Error(sentence);
  console.error(`SKIPPED: ${sentence}`);
  return sentence;
}
