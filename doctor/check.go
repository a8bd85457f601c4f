package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"aes67-sink/health"
	"aes67-sink/internal/attempt"
)

// Outcome is what a check came to.
type Outcome string

// The outcomes.
const (
	Well    Outcome = "ok"
	Ill     Outcome = "ill"
	Fact    Outcome = "fact"    // worth knowing, and no judgement
	Unknown Outcome = "unknown" // it could not be found out, and why
)

// Result is what a check found.
type Result struct {
	Outcome  Outcome
	Sentence string // what, which value, why; of Unknown why it is not known
	Command  string // to paste, where the mend of Ill is one
	// Findings are those of somebody who has judged them already: each becomes an
	// item of its own. Then the rest counts for nothing.
	Findings []health.Finding
}

func well(format string, values ...any) Result {
	return Result{Outcome: Well, Sentence: fmt.Sprintf(format, values...)}
}

func fact(format string, values ...any) Result {
	return Result{Outcome: Fact, Sentence: fmt.Sprintf(format, values...)}
}

func unknown(format string, values ...any) Result {
	return Result{Outcome: Unknown, Sentence: fmt.Sprintf(format, values...)}
}

func ill(command, format string, values ...any) Result {
	return Result{Outcome: Ill, Sentence: fmt.Sprintf(format, values...), Command: command}
}

// Check is a row of the table.
type Check struct {
	Code      health.Code
	Title     string          // some words
	Looks     string          // at what, for docs/doctor.md
	DependsOn []health.Code   // while one of these is ill this is not told: it follows
	Severity  health.Severity // of Ill
	Deadline  time.Duration   // 0: usualDeadline
	// Says are parts of the running bridge's sentences for the same condition under
	// another code: it has measured what is only looked up here, so its word counts, as
	// it does for Code.
	Says []string
	Run  func(ctx context.Context, f *Facts) Result
}

// usualDeadline is enough for a busy machine's bus or sound server to answer.
const usualDeadline = 3 * time.Second

// Longest is how long Run may take, and some more.
const Longest = wireTime + 2*usualDeadline

// Run does all checks and judges what they found. It returns when the slowest has ended
// or its deadline has passed.
func Run(ctx context.Context, f *Facts) Report {
	return run(ctx, f, Checks())
}

func run(ctx context.Context, f *Facts, checks []Check) Report {
	f.prepare(ctx)
	found := make([]Result, len(checks))
	var all sync.WaitGroup
	for i := range checks {
		all.Go(func() { found[i] = do(ctx, f, &checks[i]) })
	}
	all.Wait()
	return Report{Version: f.Version, Items: judge(checks, found)}
}

// do does one check. Its crash, and its being late, are results.
func do(ctx context.Context, f *Facts, c *Check) Result {
	r, err := attempt.Do(ctx, cmp.Or(c.Deadline, usualDeadline), func(ctx context.Context) Result { return c.Run(ctx, f) })
	if late, is := errors.AsType[*attempt.LateError](err); is {
		return unknown("the check did not end within %v", late.Within)
	}
	if crash, is := errors.AsType[*attempt.CrashError](err); is {
		return unknown("the check crashed: %v; please report it with the output of aes67-sink doctor --json", crash.Cause)
	}
	return r
}
