// Package health turns what may be wrong into one verdict: a table of conditions,
// each with its code, title, severity and causes, and a tracker that hides effects
// behind their causes and speaks the status words of AMWA BCP-008-02. Pure.
package health
