package catalogue_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// What does not fit is named by its field and keyword, never by its value.
func TestCheckNamesTheField(t *testing.T) {
	set := catalogue.DataSet{ID: "checkup", Fields: []catalogue.Field{{Name: "left"}, {Name: "eyes"}}, Schema: json.RawMessage(`{
		"type":"object","required":["left"],"additionalProperties":false,"properties":{
		"left":{"type":"number","maximum":2},"eyes":{"type":"array","items":{"type":"string","pattern":"^[a-z]+$"}}}}`)}
	for name, c := range map[string]struct{ record, want string }{
		"it names a field of another type":         {`{"left":"SECRET"}`, `field "left" (type)`},
		"it names a field out of bounds":           {`{"left":999}`, `field "left" (maximum)`},
		"it names a field by what is inside":       {`{"left":1,"eyes":["SECRET"]}`, `field "eyes" (pattern)`},
		"it names a missing field":                 {`{"eyes":[]}`, `field "left" is missing`},
		"it does not repeat a name it cannot know": {`{"left":1,"SECRET":1}`, `field that the catalogue does not list is not in it`},
		"it says that the record is no object":     {`["SECRET"]`, `the record itself (type)`},
	} {
		t.Run(name, func(t *testing.T) {
			err := set.Check([]byte(c.record))
			if err == nil || !strings.HasSuffix(err.Error(), "does not fit its schema: "+c.want) || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "999") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if err := set.Check([]byte(`{"left":1,"eyes":["a"]}`)); err != nil {
		t.Errorf("a fitting record: %v", err)
	}
}
