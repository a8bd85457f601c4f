// Package wire codes the messages of Sennheiser Sound Control (SSC), by which Neumann
// KH speakers are queried and set: one JSON object a line, in which one leaf of a
// tree of addresses is asked for (null) or set. There is no public standard of the
// speakers' part; what is here follows Sennheiser's SSC catalogues (TI 1093, TI 1094)
// and what the public tools khtool, pyssc and neumann-connect have seen.
package wire
