export const DeepDivePage = () => null;
