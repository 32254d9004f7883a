export const label = (votes) => `${votes} ${votes === 1 ? "vote" : "votes"}`;
