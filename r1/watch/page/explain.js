// What a curve means, where people look at it. The first pattern that matches a column's name explains it.

const RL_LOSS =
  "Near 0 by construction, and no sign of trouble. Advantages are centred within their group and, at the first update on a batch, " +
  "the ratio of the new to the old policy is 1: the terms of the loss cancel, the gradient does not. What is left is the KL penalty and, " +
  "where the loss is a mean over tokens, the difference in length. Watch the reward.";

const CURVES = [
  [/^reward$/, "Reward", "Weighted sum of the rewards below, mean over a step's rollouts. This is what RL raises."],
  [/^rewards\/(.+)\/mean$/, "$1", "Mean of the reward of this name over a step's rollouts, before its weight."],
  [/^validation\/pass_at_1$/, "Validation pass@1", "Share of right answers to problems that are held back from training."],
  [/^completions\/mean_length$/, "Length, tokens", "Mean length of a completion. In the paper it rises under RL alone, as the model learns to think longer."],
  [/^loss$/, "Loss", null],
  [/^kl$/, "KL divergence", "Distance of the policy from its reference, in nats per token (k3 estimate; k1 for rloo). It starts at 0 and drifts up slowly; a jump means that the policy runs away."],
  [/^entropy$/, "Entropy", "How undecided the policy is about the next token, in nats. It falls as the model grows certain. Near 0 all rollouts of a group are alike, and there is nothing left to learn from."],
  [/^frac_reward_zero_std$/, "Groups without signal", "Share of groups whose rollouts all earned the same: their advantages are 0 and they teach nothing. Near 1, the prompts are too easy or too hard."],
  [/^completions\/clipped_ratio$/, "Cut off at the limit", "Share of completions that reached the length limit before they ended. They have no answer; if it rises, raise the limit or look for repetition."],
  [/^reflection_rate$/, "Reflection", "Share of completions with words such as “wait” or “check”."],
  [/^language_mixing$/, "Language mixing", "Share of completions that mix languages. The paper's R1-Zero does; the language reward is against it."],
  [/^clip_ratio\/region_mean$/, "Clipped tokens", "Share of tokens whose ratio left the trust region, so that they add no gradient. 0 while each batch is used for one update, because the ratio is then 1."],
  [/^reward_std$/, "Reward spread", "Standard deviation of the rewards. Without spread there is no advantage, and without that no gradient."],
  [/^grad_norm$/, "Gradient norm", "Length of the gradient before clipping. Single peaks are normal; growth over many steps is not."],
  [/^mean_token_accuracy$/, "Token accuracy", "Share of tokens that the model would have chosen itself."],
  [/^accuracy$/, "Accuracy", "Share of pairs in which the reward model prefers the better answer."],
  [/^margin$/, "Margin", "Reward of the better answer less that of the worse one."],
  [/^learning_rate$/, "Learning rate", "Set by the schedule; at step 1 of a warm-up it is 0."],
  [/^sampler\/kl$/, "Sampler and trainer, KL", "How far the sampler's policy is from the trainer's, in nats per token. It should stay near 0: a sampler with stale weights shows here first."],
  [/^padding_share$/, "Padding", "Share of padding in what training computed."],
  [/^num_tokens$/, "Tokens seen", "Tokens of prompts and completions so far."],
  [/^rollouts$/, "Rollouts so far", "Completions sampled since the stage began."],
];
const FIRST = 12;

export function explain(column, columns) {
  for (const [number, [pattern, title, text]] of CURVES.entries()) {
    const match = pattern.exec(column);
    if (!match) continue;
    const rl = "reward" in columns;
    const about = text ?? (rl ? RL_LOSS : "Mean cross-entropy, in nats per token that is trained on; for a reward model, per pair. Lower is better.");
    const main = rl ? number < FIRST : column !== "num_tokens";
    const name = title.replace("$1", (match[1] ?? "").replace(/_reward$/, "")).replace(/_/g, " ");
    const question = about === RL_LOSS ? "Why is it near 0?" : "What this says";
    // A reward of one's own keeps the import path by which params.yaml names it.
    const shown = match[1]?.includes(".") ? match[1] : name[0].toUpperCase() + name.slice(1);
    return { title: shown, about, question, rank: number, main };
  }
  return { title: column, about: "", rank: CURVES.length, main: false };
}

export const STATES = {
  done: ["done", "its output is there"],
  runs: ["runs", "at this moment"],
  waits: ["waits", "its output is not there yet"],
  outdated: ["outdated", "settings or inputs have changed since it ran"],
  interrupted: ["interrupted", "killed on its way; dvc repro continues it"],
  failed: ["stopped", "a guard ended it; choose it for the diagnosis"],
};

// A stage by the name of what it makes: base_qwen rather than base@base_qwen.
export const label = (stage) => (stage.name.includes("@") ? stage.run.replace("/", " ") : stage.name);
