// A plugin of TypeDoc: members that begin with an underscore are no part of the API, but declared because
// upstream declares them.
import { Converter } from "typedoc";

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    for (const one of Object.values(context.project.reflections)) {
      if (one.name.startsWith("_") && !one.name.startsWith("__")) {
        context.project.removeReflection(one);
      }
    }
  });
}
