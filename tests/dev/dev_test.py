"""./dev with fakes for the programs that it calls: what it installs, and what it makes of ctest's counts."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAKES = {
    "dpkg-query": 'for p; do case $p in -*|*{*) ;; "$MISSING") ;; *) echo "$p installed";; esac; done; [ -z "$MISSING" ]',
    "apt-get": 'echo "$@" >>apt-calls; [ -z "$APT_FAILS" ]',
    "cmake": 'while [ "$1" != -B ]; do shift; done; touch "$2/build.ninja"; echo "$@" >>cmake-calls',
    "ninja": 'echo "ninja: no work to do."',
    "ctest": 'case "$*" in *" -N "*) echo "Total Tests: ${SLOW:+2}";; *-LE*) printf "%b" "$QUICK"; exit ${QUICK_RC:-0};; *) printf "%b" "$SLOW";; esac',
    "sudo": 'echo "$@" >>sudo-calls',
}
NONE = "No tests were found!!!\\n"


class Dev(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.dir = pathlib.Path(temporary.name)
        self.dir.chmod(0o777)
        shutil.copy(ROOT / "dev", self.dir)
        (self.dir / "fakes").mkdir()
        for name, text in FAKES.items():
            (self.dir / "fakes" / name).write_text(f"#!/bin/sh\n{text}\n")
            (self.dir / "fakes" / name).chmod(0o755)

    def dev(self, *words, user=None, **env):
        env = {"PATH": f"{self.dir}/fakes:{os.environ['PATH']}", "MISSING": "", "QUICK": NONE, "SLOW": NONE, **env}
        return subprocess.run([self.dir / "dev", *words], env=env, user=user, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)

    def calls(self, program):
        file = self.dir / f"{program}-calls"
        return file.read_text() if file.exists() else ""

    def test_unknown_verb_is_a_usage_error_that_shows_the_verbs(self):
        answer = self.dev("tset")
        self.assertEqual(2, answer.returncode)
        self.assertIn('no verb "tset"', answer.stderr)
        self.assertIn("  demo ", answer.stderr)

    def test_every_verb_is_in_the_help(self):
        verbs = [line[5:line.index("(")] for line in (ROOT / "dev").read_text().splitlines() if line[:5] == "Verb_"]
        self.assertIn("test", verbs)
        for verb in verbs:
            self.assertRegex(self.dev("help").stdout, rf"(?m)^  {verb} ")

    def test_nothing_is_installed_when_nothing_is_missing(self):
        self.assertEqual(0, self.dev("build").returncode)
        self.assertEqual("", self.calls("apt"))

    def test_only_the_missing_package_is_installed(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, else sudo would be asked")
        self.assertEqual(0, self.dev("build", MISSING="libns3-dev").returncode)
        update, install = self.calls("apt").splitlines()
        self.assertTrue(update.endswith(" update"))
        self.assertTrue(install.endswith(" install -y --no-install-recommends libns3-dev"))

    def test_failing_installation_is_said_and_ends_with_3(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, else sudo would be asked")
        answer = self.dev("build", MISSING="libns3-dev", APT_FAILS="1")
        self.assertEqual(3, answer.returncode)
        self.assertIn("could not install libns3-dev", answer.stderr)

    def test_users_install_by_sudo(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become another user")
        self.assertEqual(0, self.dev("build", user=65534, MISSING="libns3-dev").returncode)
        self.assertIn("DEBIAN_FRONTEND=noninteractive apt-get", self.calls("sudo"))

    def test_neither_root_nor_sudo_names_the_command(self):
        if os.geteuid() != 0 or shutil.which("sudo"):
            self.skipTest("needs root to become another user, and no sudo on the machine")
        (self.dir / "fakes" / "sudo").unlink()
        answer = self.dev("build", user=65534, MISSING="libns3-dev")
        self.assertEqual(3, answer.returncode)
        self.assertIn("as root: apt-get install --no-install-recommends libns3-dev", answer.stderr)

    def test_second_build_does_not_configure_again(self):
        self.dev("build")
        self.dev("build")
        self.assertEqual(1, len(self.calls("cmake").splitlines()))

    def test_tests_are_configured_after_a_demo_without_them(self):
        self.dev("build")
        self.dev("test")
        self.dev("test")
        without, tests = self.calls("cmake").splitlines()
        self.assertNotIn("OVERLAYSIM_TESTS", without)
        self.assertIn("OVERLAYSIM_TESTS=ON", tests)

    def test_counts_of_both_passes_are_added_and_skipped_ones_do_not_pass(self):
        answer = self.dev("test", QUICK="100% tests passed, 0 tests failed out of 10\\n"
                                        "The following tests did not run:\\n\\t  3 - A.B (Skipped)\\n",
                          SLOW="100% tests passed, 0 tests failed out of 2\\n")
        self.assertEqual(0, answer.returncode)
        self.assertEqual(["1 skipped", "11 passed, 0 failed"], answer.stdout.splitlines()[-2:])

    def test_a_failed_test_fails_and_is_counted(self):
        answer = self.dev("test", QUICK="50% tests passed, 1 tests failed out of 2\\n", QUICK_RC="8")
        self.assertEqual(1, answer.returncode)
        self.assertEqual("1 passed, 1 failed", answer.stdout.splitlines()[-1])

    def test_no_test_at_all_is_no_success(self):
        answer = self.dev("test")
        self.assertEqual(3, answer.returncode)
        self.assertIn("no test ran", answer.stderr)

    def test_ctest_that_never_counted_is_no_success(self):
        self.assertEqual(4, self.dev("test", QUICK="Segmentation fault\\n", QUICK_RC="139").returncode)


if __name__ == "__main__":
    unittest.main()
