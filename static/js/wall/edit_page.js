// The page Edit of a dataset: its sheets without a list, so nothing is ever selected.
import { watchReshapes } from "./reshape.js";
import { watchTransfers } from "./transfer.js";

const nothing = { ids: [], editable: [], clear() {} };
watchTransfers(nothing);
watchReshapes(nothing);
