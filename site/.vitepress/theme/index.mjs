// VitePress's own theme, with room for wide tables.
import DefaultTheme from "vitepress/theme";
import "./wide.css";

export default DefaultTheme;
