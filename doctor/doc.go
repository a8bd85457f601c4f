// Package doctor looks for what would keep sound from arriving and says how to mend
// it: a table of checks (table.go) that run beside one another, each with a deadline,
// and rules (rules.go) by which causes alone are told. It changes nothing.
package doctor
