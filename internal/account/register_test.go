package account_test

import (
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
)

const head = "resident_id,name_ko,name_latin,family_name,given_name,birth_date,sex,address,resident_number\n"
const line = "r-1,홍길동,HONG GILDONG,HONG,GILDONG,1984-03-12,M,\"서울, 1호\",840312-9000011\n"

func TestReadRegister(t *testing.T) {
	cases := []struct{ name, csv, want string }{
		{"it reads a register", head + line, ""},
		{"it reads what a spreadsheet wrote", "\ufeff" + strings.ReplaceAll(head+line, "\n", "\r\n"), ""},
		{"it takes an empty address", head + strings.Replace(line, `"서울, 1호"`, "", 1), ""},
		{"it refuses an empty file", "", "read register"},
		{"it refuses other columns", strings.Replace(head, "sex", "gender", 1) + line, "first line"},
		{"it refuses a missing cell", head + "r-1,x\n", "wrong number of fields"},
		{"it refuses an id twice", head + line + line, "line 3: resident_id is not unique"},
		{"it refuses an odd id", head + strings.Replace(line, "r-1", "../x", 1), "line 2: resident_id"},
		{"it refuses an empty name", head + strings.Replace(line, "홍길동", " ", 1), "line 2: name_ko is empty"},
		{"it refuses a wrong date", head + strings.Replace(line, "1984-03-12", "1984-13-12", 1), "line 2: birth_date"},
		{"it refuses an unknown sex", head + strings.Replace(line, ",M,", ",?,", 1), "line 2: sex"},
		{"it refuses control characters", head + strings.Replace(line, "홍길동", "홍\x01", 1), "line 2: name_ko"},
		{"it refuses what turns the text around", head + strings.Replace(line, "홍길동", "홍\u202e길동", 1), "line 2: name_ko: it holds U+202E"},
		{"it refuses a name that cannot be seen", head + strings.Replace(line, "홍길동", "\u3164", 1), "line 2: name_ko: it holds U+3164"},
		{"it refuses broken UTF-8", head + strings.Replace(line, "홍길동", "\xff", 1), "line 2: name_ko"},
		{"it refuses a huge cell", head + strings.Replace(line, "홍길동", strings.Repeat("가", 200), 1), "line 2: name_ko"},
		{"it refuses a broken quote", head + "\"r-1", "read register"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			reg, err := account.ReadRegister(strings.NewReader(c.csv))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "홍길동") {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r, err := reg.Resident(t.Context(), "r-1"); err != nil || r.NameKo != "홍길동" || r.BirthDate != "1984-03-12" {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// The demonstration's people are invented, and their numbers cannot be anybody's:
// the check digit of a real number, or its form, is wrong.
func TestDemoRegister(t *testing.T) {
	reg := accounttest.Register(t)
	if len(reg.IDs()) != 10 {
		t.Errorf("%d residents", len(reg.IDs()))
	}
	weights := []int{2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5}
	names := map[string]int{}
	for _, id := range reg.IDs() {
		r, err := reg.Resident(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		names[r.NameKo]++
		digits := strings.ReplaceAll(r.ResidentNumber, "-", "")
		sum := 0
		for i, w := range weights {
			sum += w * int(digits[i]-'0')
		}
		if gender := digits[6]; (11-sum%11)%10 == int(digits[12]-'0') && gender >= '1' && gender <= '8' {
			t.Errorf("%s: the number could be a real person's", id)
		}
	}
	if names["김민준"] != 2 {
		t.Error("the story needs two residents named 김민준")
	}
}

func FuzzReadRegister(f *testing.F) {
	f.Add(head + line)
	f.Add("\ufeff" + head)
	f.Add(head + line + line)
	f.Add("a,b\n\"")
	f.Fuzz(func(t *testing.T, csv string) {
		reg, err := account.ReadRegister(strings.NewReader(csv))
		if err != nil {
			return
		}
		for _, id := range reg.IDs() {
			if r, err := reg.Resident(t.Context(), id); err != nil || r.ID != id || r.NameKo == "" {
				t.Errorf("%q: %+v, %v", id, r, err)
			}
		}
	})
}
