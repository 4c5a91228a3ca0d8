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
// It is a line of its own also after one that was torn.
func File(name string) func(context.Context, Alert) error {
	return func(_ context.Context, a Alert) error {
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return fmt.Errorf("alert file: %w", err)
		}
		line = append(line, '\n')
		if torn(file) {
			line = append([]byte{'\n'}, line...)
		}
		_, err = file.Write(line)
		if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
			return fmt.Errorf("alert file: %w", err)
		}
		return nil
	}
}

// torn tells whether the last line of a file has no end.
func torn(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = file.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}
