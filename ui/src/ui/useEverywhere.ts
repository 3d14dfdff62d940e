/** Whether one's rights hold in every project: rules, silences and receivers are the whole server's. */
import { useQuery } from "@tanstack/react-query";
import { meQuery } from "@/api/settings";

/** Until it is known it is taken for granted: the server says no where it is not. */
export const useEverywhere = (): boolean => useQuery(meQuery).data?.everywhere ?? true;

/** Whether it is known by now, or cannot be. */
export const useEverywhereKnown = (): boolean => !useQuery(meQuery).isPending;
