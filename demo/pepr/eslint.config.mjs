import typescript from "@typescript-eslint/eslint-plugin";
import parser from "@typescript-eslint/parser";

export default [
  { ignores: ["**/node_modules", "**/dist"] },
  {
    files: ["**/*.ts"],
    plugins: { "@typescript-eslint": typescript },
    languageOptions: { parser },
    rules: typescript.configs.recommended.rules,
  },
];
