import { runCampaign } from '../campaign.ts';
import { ADDRESS_SIGHTS } from '../counters.ts';
import { drawAddressSettings } from './settings.ts';
import { runAddressTrial } from './trial.ts';

runCampaign({
  title: 'A campaign of the simulator: addresses',
  command: 'npm run sim:addresses',
  sights: ADDRESS_SIGHTS,
  draw: drawAddressSettings,
  run: runAddressTrial,
});
