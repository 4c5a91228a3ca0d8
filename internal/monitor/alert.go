package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// commandTime is how long an alert's command may take.
const commandTime = 30 * time.Second

// Command tells an alert by running a program, with the alert as one line of
// JSON on its standard input. No shell is involved, and nothing that a log says
// becomes an argument.
func Command(program string) func(context.Context, Alert) error {
	return func(ctx context.Context, a Alert) error {
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, commandTime)
		defer cancel()
		c := exec.CommandContext(ctx, program)
		c.Stdin = bytes.NewReader(append(line, '\n'))
		c.WaitDelay = time.Second
		if err := c.Run(); err != nil {
			return fmt.Errorf("alert command: %w", err)
		}
		return nil
	}
}

// File tells an alert by a line of JSON at the end of a file, durable on return.
func File(name string) func(context.Context, Alert) error {
	return func(_ context.Context, a Alert) error {
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("alert file: %w", err)
		}
		_, err = file.Write(append(line, '\n'))
		if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
			return fmt.Errorf("alert file: %w", err)
		}
		return nil
	}
}
