// What a stage must be given before it is packaged, and what each parameter looks like; serverless.yml asks for this.
// How to set them is in docs/7-on-aws.md. A test compares the ranges with shared/settings.py, where they are refused too
// late: when a container starts.
"use strict";

const STAGE = /^[a-z][a-z0-9-]{0,29}$/; // more, and the roles are named longer than IAM takes: 64 with function and region
const PINNERS = ["folder"]; // the schemes of the port in shared/ports/open.py; a test compares

const whole = (low, high) => ({
  takes: (text) => /^[0-9]{1,15}$/.test(text) && Number(text) >= low && Number(text) <= high,
  what: `a whole number from ${low} to ${high}`,
});
const seconds = (low, high) => ({
  takes: (text) => /^[0-9]{1,9}(\.[0-9]{1,3})?$/.test(text) && Number(text) >= low && Number(text) <= high,
  what: `a number of seconds from ${low} to ${high}`,
});
const like = (pattern, what) => ({ takes: (text) => pattern.test(text), what });

const pinner = (stage) => {
  const known = PINNERS.map((scheme) => `${scheme}:`).join(" or ");
  const place = /^folder:\/\/(\/[A-Za-z0-9_][A-Za-z0-9._-]*)+\/?$/;
  const passing = /^folder:\/\/\/tmp(\/|$)/;
  return {
    takes: (text) => place.test(text) && (stage === "dev" || !passing.test(text)),
    what: `${known}///absolute/path that outlives a container, as its /tmp does not`,
  };
};

// The roles may read that one secret and no other. The chain's id is appended as the only query.
const rpcUrl = (stage) =>
  like(
    new RegExp(`^https://[a-z0-9][a-z0-9.:-]*(/|[A-Za-z0-9._~%-]|\\{ssm:///monoprint/${stage}/rpc_key\\?[^{}]+(\\{[^{}]+\\})?\\})*$`),
    "--param rpc=host/path of a provider whose key is a secret, or --param rpc_url=https://host/path of a node without",
  );

const wanted = (stage) => ({
  chain_id: like(/^[1-9][0-9]{0,15}$/, "the chain's id in decimal, such as 1"),
  contract: like(/^(null|0x[0-9a-fA-F]{40})$/, "an address of 0x and 40 hex digits, or nothing for the minter's own"),
  rpc_url: rpcUrl(stage),
  pinner_url: pinner(stage),
  confirmations: whole(1, 10_000),
  poll_s: seconds(0.1, 900),
  max_fee_wei: like(/^[1-9][0-9]{0,17}$/, "a whole number of wei, with at most 18 digits"),
  retention_days: whole(1, 365),
  patience_s: seconds(1, 86_400),
  give_up_s: seconds(60, 31_536_000),
  renders_at_once: whole(2, 1_000), // of an event source, to AWS
  calls_per_s: whole(1, 10_000), // as AWS has it for all of an account's APIs
  calls_burst: whole(1, 5_000),
  // Metrics are log lines of INFO: a higher level would switch them off, and with them all that docs/8 tells.
  log_level: like(/^(DEBUG|INFO)$/, "DEBUG or INFO, since metrics are lines of INFO"),
  removal: like(/^(Retain|Delete)$/, "Retain or Delete"),
  protected: like(/^(true|false)$/, "true or false"),
});

module.exports = async ({ resolveVariable }) => {
  const stage = String(await resolveVariable("sls:stage"));
  const wrong = [];
  if (!STAGE.test(stage)) {
    wrong.push(`stage: got ${JSON.stringify(stage)}, wanted at most 30 of a-z, 0-9 and -, a letter first`);
  }
  for (const [name, { takes, what }] of Object.entries(wanted(STAGE.test(stage) ? stage : "none"))) {
    const value = String(await resolveVariable(`param:${name}, null`));
    // A URL may hold a key, by mistake: it is not repeated.
    if (!takes(value)) {
      const got = name === "rpc_url" ? "another URL" : JSON.stringify(value);
      wrong.push(`${name}: got ${got}, wanted ${what}`);
    }
  }
  if (wrong.length) {
    const error = new Error(`stage ${stage} cannot be deployed like this\n    ${wrong.join("\n    ")}`);
    error.stack = error.message; // where it was thrown says nothing to whoever deploys
    throw error;
  }
  return "complete";
};
