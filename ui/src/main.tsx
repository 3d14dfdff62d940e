/** Starts the web interface. */
import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api/queries";
import { browserZone } from "./lib/locale";
import { router } from "./router";
import { ThemeRoot } from "./theme/ThemeRoot";
import { applyWriting } from "./ui/useWriting";

applyWriting();

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <ThemeRoot>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </ThemeRoot>
  </StrictMode>,
);

// The first question for the time zone takes the browser some twenty milliseconds: not those in which a list is to be drawn.
setTimeout(browserZone, 1000);
