package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/lab/eval"
)

// lookAt diagnoses the lab as triage does, and keeps the evidence of a case.
func (a *App) lookAt(ctx context.Context, name string, e *evaluation, store *eval.Store, c eval.Case) (*diagnose.Diagnosis, error) {
	start := time.Now()
	quiet := *a
	quiet.Err = io.Discard
	places, err := quiet.gather(ctx, &reach{lab: name, timeout: 15 * time.Second})
	if err != nil {
		return nil, err
	}
	d := diagnose.Run(snapshots(places), a.Faults)
	if c.Name() == "" {
		return d, nil
	}
	t := &triage{save: store.Evidence(c, Version()), redact: string(bundle.Secrets), note: c.String()}
	err = keepCase(t, places, start)
	if e.record != "" && c.Kind == eval.Single && c.Seed == e.first {
		file := filepath.Join(e.record, "faults", filepath.FromSlash(c.Faults[0]), "testdata", "recorded.bundle")
		err = errors.Join(err, keepCase(&triage{save: file, redact: string(bundle.Addresses), note: c.Faults[0] + ", provoked in a lab"}, places, start))
	}
	if err != nil {
		fmt.Fprintf(a.Err, "klustered: error: %v\n", err)
	}
	return d, nil
}

// keepCase keeps the evidence of a case.
func keepCase(t *triage, places []place, start time.Time) error {
	if err := os.MkdirAll(filepath.Dir(t.save), 0o755); err != nil {
		return err
	}
	return save(t, parts(places), start)
}

// hearAgain diagnoses the evidence that was kept of the cases, and returns those
// of which there is none, nor, where repairs are wanted, one that went well.
func (a *App) hearAgain(ctx context.Context, store *eval.Store, cases []eval.Case, before []eval.Result, mend bool) []eval.Case {
	var rest []eval.Case
	for _, c := range cases {
		if ctx.Err() != nil {
			break
		}
		r, known := eval.Again(c, before, Version())
		if !known || mend && c.Kind == eval.Single && r.Mended == nil {
			rest = append(rest, c)
			continue
		}
		places, err := a.openBundle(&reach{bundle: store.Evidence(c, r.Kept)})
		if err == nil {
			r.Hear(diagnose.Run(snapshots(places), a.Faults))
			err = store.Add(r)
		}
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				fmt.Fprintf(a.Err, "klustered: error: %v\n", err)
			}
			rest = append(rest, c)
			continue
		}
		a.sayResult(r)
	}
	return rest
}
