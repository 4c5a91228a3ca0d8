package storetest_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/store/storetest"
	"github.com/govmydata/mydata/pkg/consent/memory"
)

func TestMemory(t *testing.T) {
	storetest.Consents(t, &memory.Store{})
	storetest.Deadlines(t, &memory.Store{})
}
