/** Who acts: the one who is signed in, or, where nobody signs in, the name somebody gave in this browser. */
import { useLocalStorage } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { meQuery } from "@/api/alerting";

/** The server's word for a caller without a name. */
const ANYBODY = "anybody";

export function useName(): [string, (name: string) => void] {
  const me = useQuery(meQuery).data?.who;
  const [given, setGiven] = useLocalStorage({ key: "tawny.name", defaultValue: "", getInitialValueInEffect: false });
  return [given || (me && me !== ANYBODY ? me : ""), setGiven];
}
