import { runCampaign } from './campaign.ts';
import { FACT_SIGHTS } from './counters.ts';
import { drawSettings } from './settings.ts';
import { runTrial } from './trial.ts';

runCampaign({
  title: 'A campaign of the simulator',
  command: 'npm run sim',
  sights: FACT_SIGHTS,
  draw: drawSettings,
  run: runTrial,
});
