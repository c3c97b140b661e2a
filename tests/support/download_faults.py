"""A file that kills whatever worker decodes it, as a decoder's bug would."""

import os
import signal
import time

from pricefuse.download.fetcher import Fetcher
from pricefuse.download.record import Recorder
from pricefuse.download.work import BuildDownloadWork, DownloadWork

KILLS = b"kills"


class BuildFragileWork(BuildDownloadWork):
    def __call__(self):
        return DownloadWork(FragileRecorder(self.settings, Fetcher(self.settings)), self.settings.open_connections)


class FragileRecorder(Recorder):
    def record(self, source):
        if source.content == KILLS:
            time.sleep(0.5)  # what is done beside it is here by then
            os.kill(os.getpid(), signal.SIGKILL)
        return super().record(source)
