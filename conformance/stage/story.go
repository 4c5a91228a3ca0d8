package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const guideWait = 60 * time.Second

// StartStory runs the story itself (examples/story), which makes what is missing
// in the data folder and starts every process, until it has printed its guide.
func (s *Stage) StartStory(ctx context.Context) error {
	if err := errors.Join(os.MkdirAll(s.Path("logs"), 0o700), os.RemoveAll(s.guide())); err != nil {
		return err
	}
	var err error
	s.story, err = start("story", s.guide(), s.Program("story"), "run", "--data", s.Data(), "--bin", s.bin,
		"--base-port", strconv.Itoa(s.base), "--behind", strconv.Itoa(s.options.Behind), "--database", s.options.Database)
	if err != nil {
		return err
	}
	for end := time.Now().Add(guideWait); !strings.Contains(s.Guide(), "make tour"); time.Sleep(15 * time.Millisecond) { // its last line
		if !s.story.running() || ctx.Err() != nil || time.Now().After(end) {
			s.story.kill()
			return fmt.Errorf("the story did not come to its guide: %w\n%s", errors.Join(ctx.Err(), s.story.result), s.Guide())
		}
	}
	return nil
}

// StopStory is Ctrl-C; an error says that the story did not end well.
func (s *Stage) StopStory() error {
	if s.story == nil || !s.story.running() {
		return nil
	}
	return s.story.stop(syscall.SIGINT, readyWait)
}

func (s *Stage) guide() string { return filepath.Join(s.folder, "story.log") }

// Guide is what the story printed since it was started last.
func (s *Stage) Guide() string {
	text, _ := os.ReadFile(s.guide()) // before the first start there is nothing to read
	return string(text)
}
